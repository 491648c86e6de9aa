export { RunPodApi } from './credentials/RunPodApi.credentials';
export { RunPod } from './nodes/RunPod/RunPod.node';
