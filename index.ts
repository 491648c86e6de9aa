export { RunPodApi } from './credentials/RunPodApi.credentials';
export { RunPodWorkerApi } from './credentials/RunPodWorkerApi.credentials';
export { RunPod } from './nodes/RunPod/RunPod.node';
