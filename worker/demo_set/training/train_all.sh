#!/usr/bin/env bash
# Trains the whole set in order, from nothing to weights/. About two hours on two CPU cores with bf16.
#   training/train_all.sh [SCRATCH_FOLDER]
# Needs: Python with torch, diffusers, transformers, safetensors, numpy, Pillow; the Debian package
# fonts-noto-color-emoji. Every step can be repeated alone; the UNet goes on from its checkpoint.
set -euo pipefail
cd "$(dirname "$0")"
scratch=${1:-/tmp/studio-demo-training}
logs=../training_logs
mkdir -p "$scratch" "$logs"
export OMP_NUM_THREADS=1
both="torchrun --nproc-per-node 2"

python train_text_encoders.py "$scratch/text" --journal $logs/text_encoders.log
$both train_autoencoder.py "$scratch/vae" --minutes 25 --journal $logs/autoencoder.log
python train_judge.py --minutes 3 --journal $logs/judge.log
$both train_unet.py "$scratch/pipeline" --autoencoder "$scratch/vae" --text "$scratch/text" \
  --minutes 60 --journal $logs/unet.log
$both train_upscaler.py ../weights/upscaler/studio-demo-x4.safetensors --autoencoder "$scratch/vae" \
  --minutes 10 --journal $logs/upscaler.log
$both train_scorer.py ../weights/scorer --autoencoder "$scratch/vae" --minutes 5 --journal $logs/scorer.log
python train_captioner.py ../weights/captioner --minutes 18 --journal $logs/captioner.log
python export.py "$scratch/pipeline"
python ../evaluate.py --guidance 3.5 5 7
python ../evaluate.py --grid ../grid.png
