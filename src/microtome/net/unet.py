"""One U-Net for 2-D, thin 3-D and isotropic 3-D data (Ronneberger 2015, Çiçek 2016)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from microtome.box import Int3
from microtome.net.config import NetConfig
from microtome.net.cropping import Cuts, cropped
from microtome.net.loss_head import LossHead


class UNet(nn.Module):
    """`channels` numbers a voxel of one-channel images; what they mean is the target's affair.

    Input is `b 1 z y x`, with sides that are multiples of `config.multiple`; output `b channels z y x`, less
    what `cuts` leave away. For exclusive classes the channels are their logits, background first.
    """

    def __init__(self, config: NetConfig, channels: int) -> None:
        super().__init__()
        self.config = config
        widths, kernels, pools = config.widths, config.level_kernels, config.level_pools
        self.down = nn.ModuleList(
            _Block(config, 1 if level == 0 else widths[level - 1], width, kernels[level])
            for level, width in enumerate(widths)
        )
        self.pool = nn.ModuleList(_pool(config, step) for step in pools)
        self.rise = nn.ModuleList(
            _transposed(config, widths[level + 1], widths[level], step) for level, step in enumerate(pools)
        )
        joined = 2 if config.skip == "concatenate" else 1
        self.up = nn.ModuleList(
            _Block(config, joined * widths[level], widths[level], kernels[level])
            for level in range(len(pools))
        )
        self.head = _conv(config, widths[0], channels, (1, 1, 1))
        # last: all other weights are drawn before, and are the same with it and without
        self.loss_head = LossHead(widths) if config.loss_head else None

    def forward(self, image: Float[Tensor, "b 1 z y x"], cuts: Cuts = ()) -> Float[Tensor, "b c u v w"]:
        return self.unfolded(self.head(self._decode(*self._encode(self._fold(image)), cuts)[0]), image)

    def undropped(self, image: Float[Tensor, "b 1 z y x"], cuts: Cuts = ()) -> tuple[Tensor, Tensor]:
        """What no dropout changes: what comes out of the first pool, and a share of the last block.

        The share is what the finest level on the way down adds to the sums with which that block begins. Of a
        flat net sections are images of their own, `n w y x`; else `b w z y x`. The net must be in evaluation
        mode, so that nothing is dropped, and have a pool.
        """
        finest = self.down[0](self._fold(image))
        skip = cropped(finest, cuts[0].skip) if cuts else finest
        return self.pool[0](finest), self._last.share(skip, 0, bias=True)

    def dropped(self, pooled: Tensor, share: Tensor, masks: Sequence[Tensor], cuts: Cuts = ()) -> Tensor:
        """Outputs, as `undropped` has them, where what comes out of each pool is multiplied with a mask.

        Masks are those of `dropout_masks`, 0 where an activation is dropped.
        """
        x, skips = self.down[1](pooled * masks[0]), []
        for level in range(1, len(self.pool)):
            skips.append(x)
            x = self.down[level + 1](self.pool[level](x) * masks[level])
        below = self._decode(x, skips, cuts[1:])[0]
        risen = self.rise[0](cropped(below, cuts[0].below) if cuts else below)
        beside = self.config.widths[0] if self.config.skip == "concatenate" else 0
        sums = share + self._last.share(risen, beside, bias=False)
        outputs: Tensor = self.head(self._last.of_sums(sums))
        return outputs

    def last_layer(
        self, image: Float[Tensor, "b 1 z y x"]
    ) -> tuple[Float[Tensor, "b w z y x"], Float[Tensor, "b c z y x"]]:
        """What goes into the last layer, and the outputs that come out."""
        hidden = self._decode(*self._encode(self._fold(image)))[0]
        return self.unfolded(hidden, image), self.unfolded(self.head(hidden), image)

    def with_loss(
        self, image: Float[Tensor, "b 1 z y x"], *, detached: bool
    ) -> tuple[Float[Tensor, "b c z y x"], Float[Tensor, "b"]]:
        """Outputs, and the loss predicted of each image; `detached` keeps its gradient to the head itself.

        Raises:
            ValueError: If the net has no such head.
        """
        if self.loss_head is None:
            raise ValueError("this net predicts no losses: net.loss_head is off")
        levels = self._decode(*self._encode(self._fold(image)))
        means = [self._means(level.detach() if detached else level, image) for level in levels]
        return self.unfolded(self.head(levels[0]), image), self.loss_head(means)

    def bottleneck(self, image: Float[Tensor, "b 1 z y x"]) -> Float[Tensor, "b c u v w"]:
        """Activations of the deepest level, on its own coarse grid."""
        return self.unfolded(self._encode(self._fold(image))[0], image)

    def _encode(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        skips = []
        for block, pool in zip(self.down, self.pool, strict=False):
            skips.append(block(x))
            x = pool(skips[-1])
        return self.down[-1](x), skips

    def _decode(self, x: Tensor, skips: list[Tensor], cuts: Cuts = ()) -> list[Tensor]:
        """Activations of levels on the way up, finest first; the last is the deepest, `x`.

        `skips` and `cuts` may lack those of the finest levels: then it goes up to where they begin.
        """
        levels, lacking = [x], len(self.pool) - len(skips)
        for k in reversed(range(len(skips))):
            skip, below = skips[k], levels[-1]
            if cuts:
                skip, below = cropped(skip, cuts[k].skip), cropped(below, cuts[k].below)
            joined = self._joined(skip, self.rise[lacking + k](below))
            levels.append(self.up[lacking + k](joined))
        return levels[::-1]

    @property
    def _last(self) -> "_Block":
        block = self.up[0]
        assert isinstance(block, _Block)
        return block

    def _joined(self, skip: Tensor, risen: Tensor) -> Tensor:
        return skip + risen if self.config.skip == "add" else torch.cat([skip, risen], dim=1)

    def _means(self, x: Tensor, image: Tensor) -> Tensor:
        """Mean activation of each channel, for each image."""
        return self.unfolded(x, image).float().mean(dim=(2, 3, 4))

    def _fold(self, image: Tensor) -> Tensor:
        if not self.config.flat:
            return image
        b, c, z, y, x = image.shape
        return image.transpose(1, 2).reshape(b * z, c, y, x)

    def unfolded(self, x: Tensor, image: Float[Tensor, "b 1 z y x"]) -> Tensor:
        """What a flat net computed of sections, `n c y x`, as `b c z y x`; others are that already."""
        if not self.config.flat:
            return x
        b, _, z, _, _ = image.shape
        return x.reshape(b, z, *x.shape[1:]).transpose(1, 2)


class _Block(nn.Module):
    """Two convolutions with norm and activation; squeeze-excitation and a residual path where asked for."""

    def __init__(self, config: NetConfig, inputs: int, outputs: int, kernel: Int3) -> None:
        super().__init__()
        self.first = _unit(config, inputs, outputs, kernel)
        self.second = _unit(config, outputs, outputs, kernel)
        self.excite = _SqueezeExcitation(outputs) if config.squeeze_excitation else nn.Identity()
        self.shortcut = _conv(config, inputs, outputs, (1, 1, 1)) if config.residual else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.excite(self.second(self.first(x)))
        return y if self.shortcut is None else y + self.shortcut(x)

    def share(self, x: Tensor, first: int, *, bias: bool) -> Tensor:
        """What some channels of the input, from `first` on, add to the sums of what takes the input in."""
        y = x
        for conv in list(self.first)[:-2]:  # norm and activation come behind the sum
            y = _on_channels(conv, y, first, bias=bias)
        if self.shortcut is None:
            return y
        return torch.cat([y, _on_channels(self.shortcut, x, first, bias=bias)], dim=1)

    def of_sums(self, sums: Tensor) -> Tensor:
        """The output, given the sum of the shares of all channels."""
        y, *past = (sums,) if self.shortcut is None else sums.chunk(2, dim=1)
        for layer in list(self.first)[-2:]:
            y = layer(y)
        y = self.excite(self.second(y))
        return y + past[0] if past else y


class _SqueezeExcitation(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = max(width // 8, 2)
        self.gate = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        weights = self.gate(x.flatten(2).mean(2))
        return x * weights.view(*weights.shape, *(1,) * (x.ndim - 2))


def _unit(config: NetConfig, inputs: int, outputs: int, kernel: Int3) -> nn.Sequential:
    bias = config.norm == "none"
    if config.separable and inputs > 1:
        convs = [
            _conv(config, inputs, inputs, kernel, groups=inputs, bias=False),
            _conv(config, inputs, outputs, (1, 1, 1), bias=bias),
        ]
    else:
        convs = [_conv(config, inputs, outputs, kernel, bias=bias)]
    return nn.Sequential(*convs, _norm(config, outputs), _activation(config))


def _conv(
    config: NetConfig, inputs: int, outputs: int, kernel: Int3, *, groups: int = 1, bias: bool = True
) -> nn.Module:
    size = kernel[1:] if config.flat else kernel
    layer = nn.Conv2d if config.flat else nn.Conv3d
    return layer(inputs, outputs, size, padding=tuple(k // 2 for k in size), groups=groups, bias=bias)  # type: ignore[arg-type]


def _on_channels(conv: nn.Module, x: Tensor, first: int, *, bias: bool) -> Tensor:
    """A convolution that is depthwise or of one group, as far as it is of these channels of its input."""
    assert isinstance(conv, nn.Conv2d | nn.Conv3d)
    convolved, last = (
        functional.conv2d if isinstance(conv, nn.Conv2d) else functional.conv3d,
        first + x.shape[1],
    )
    depthwise = conv.groups > 1
    weight = conv.weight[first:last] if depthwise else conv.weight[:, first:last]
    groups = x.shape[1] if depthwise else 1
    return convolved(x, weight, conv.bias if bias else None, padding=conv.padding, groups=groups)


def _transposed(config: NetConfig, inputs: int, outputs: int, step: Int3) -> nn.Module:
    if config.flat:
        return nn.ConvTranspose2d(inputs, outputs, step[1:], step[1:])
    return nn.ConvTranspose3d(inputs, outputs, step, step)


def _pool(config: NetConfig, step: Int3) -> nn.Sequential:
    if config.flat:
        return nn.Sequential(nn.MaxPool2d(step[1:]), nn.Dropout(config.dropout))
    return nn.Sequential(nn.MaxPool3d(step), nn.Dropout(config.dropout))


def _norm(config: NetConfig, width: int) -> nn.Module:
    if config.norm == "none":
        return nn.Identity()
    if config.norm == "batch":
        return nn.BatchNorm2d(width) if config.flat else nn.BatchNorm3d(width)
    return nn.InstanceNorm2d(width, affine=True) if config.flat else nn.InstanceNorm3d(width, affine=True)


def _activation(config: NetConfig) -> nn.Module:
    if config.activation == "relu":
        return nn.ReLU(inplace=True)
    if config.activation == "leaky_relu":
        return nn.LeakyReLU(0.01, inplace=True)
    return nn.ELU(inplace=True)
