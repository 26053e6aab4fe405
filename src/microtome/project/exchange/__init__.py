"""Labels for other programs, and back: pictures for paint programs, and volumes of the whole image."""

from microtome.project.exchange.exporting import export_pictures
from microtome.project.exchange.importing import Imported, import_pictures
from microtome.project.exchange.volume import export_volume

__all__ = ["Imported", "export_pictures", "export_volume", "import_pictures"]
