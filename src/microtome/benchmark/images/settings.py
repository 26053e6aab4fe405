"""How large networks are and how long they are trained: as Lin et al. (2020) do it, and small."""

from dataclasses import dataclass, replace

from microtome.learn.classifier import ClassifierTraining
from microtome.learn.vae import VAETraining
from microtome.net.resnet import ResNetConfig
from microtome.net.vae import VAEConfig


@dataclass(frozen=True, slots=True)
class Settings:
    """The classifier and the VAE, and how both are trained.

    Every classifier has the head of learning loss, so that all strategies' classifiers learn alike and differ
    by the images alone.
    """

    side: int  # pixels that images are brought to
    width: int
    blocks: tuple[int, ...]
    training: ClassifierTraining
    vae: VAEConfig
    vae_training: VAETraining
    steps: int | None = None  # of every training, whatever the number of images, in place of its epochs

    def net(self, classes: int, channels: int) -> ResNetConfig:
        """The classifier of so many classes."""
        return ResNetConfig(classes, channels, self.width, self.blocks, loss_head=True)

    def training_on(self, images: int) -> ClassifierTraining:
        """How it is trained on so many images."""
        if self.steps is None:
            return self.training
        each = max(images // self.training.batch, 1)
        return replace(self.training, epochs=max(1, round(self.steps / each)))


PAPER = Settings(
    side=32,
    width=64,
    blocks=(2, 2, 2, 2),
    training=ClassifierTraining(),
    vae=VAEConfig(latent=32, widths=(64, 128, 128, 256), side=32, channels=3),
    vae_training=VAETraining(steps=20_000, batch=256),
)
"""ResNet-18 in 200 epochs, for a GPU. The paper says of its VAE that it has 32 numbers, and no more."""

SMALL = Settings(
    side=16,
    width=16,
    blocks=(1, 1, 1),
    training=ClassifierTraining(schedule="cycle", crop=2),
    vae=VAEConfig(latent=32, widths=(16, 32, 64), side=16, channels=3),
    vae_training=VAETraining(steps=2000, learning_rate=3e-3),
    steps=1500,
)
"""For one core, where a training takes less than a minute. Found without CIFAR-10's test images."""
