export { RunPodApi } from './credentials/RunPodApi.credentials';
export { RunPodStorageApi } from './credentials/RunPodStorageApi.credentials';
export { RunPodWorkerApi } from './credentials/RunPodWorkerApi.credentials';
export { RunPod } from './nodes/RunPod/RunPod.node';
