"""RRDBNet, the network of ESRGAN and Real-ESRGAN: x4, RGB in 0 to 1."""

import torch
from torch import nn
from torch.nn import functional

RESIDUAL = 0.2
SLOPE = 0.2


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class DenseBlock(nn.Module):
    """Five convolutions, each seeing the outputs of all before it."""

    def __init__(self, features: int, growth: int):
        super().__init__()
        for index in range(5):
            outputs = growth if index < 4 else features
            setattr(self, f"conv{index + 1}", _conv(features + index * growth, outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = x
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            seen = torch.cat((seen, functional.leaky_relu(conv(seen), SLOPE, inplace=True)), 1)
        return self.conv5(seen).mul_(RESIDUAL).add_(x)


class ResidualBlock(nn.Module):
    """Three dense blocks in a residual."""

    def __init__(self, features: int, growth: int):
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (DenseBlock(features, growth) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rdb3(self.rdb2(self.rdb1(x))).mul_(RESIDUAL).add_(x)


class RRDBNet(nn.Module):
    """(n, 3, h, w) to (n, 3, 4h, 4w)."""

    def __init__(self, blocks: int, features: int, growth: int):
        super().__init__()
        self.conv_first = _conv(3, features)
        self.body = nn.Sequential(*(ResidualBlock(features, growth) for _ in range(blocks)))
        self.conv_body, self.conv_up1, self.conv_up2 = (_conv(features, features) for _ in range(3))
        self.conv_hr, self.conv_last = _conv(features, features), _conv(features, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv_first(x)
        x = x + self.conv_body(self.body(x))
        for conv in (self.conv_up1, self.conv_up2):
            # In place: at full size one more copy would be a third of the memory that a pass takes.
            x = functional.leaky_relu(conv(functional.interpolate(x, scale_factor=2, mode="nearest")), SLOPE, True)
        return self.conv_last(functional.leaky_relu(self.conv_hr(x), SLOPE, True))
