"""Restoration: taking stripes and flicker out of an image, and making up sections that are missing."""

from microtome.volume.restore.damage import Damage, damaged_sections
from microtome.volume.restore.destripe import Stripes
from microtome.volume.restore.report import damage_report, restore
from microtome.volume.restore.restoration import Restoration, Restored, restored
from microtome.volume.restore.sharpen import Unsharp

__all__ = [
    "Damage",
    "Restoration",
    "Restored",
    "Stripes",
    "Unsharp",
    "damage_report",
    "damaged_sections",
    "restore",
    "restored",
]
