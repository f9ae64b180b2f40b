"""Files: written whole or not at all, several together, and looked at before they are read."""

from compgraph.storage.atomic import require_writable, write_atomically
from compgraph.storage.declared import require_archive, require_array, require_unpackable
from compgraph.storage.folder import replace_files, settle
from compgraph.storage.kinds import seems_to_be
from compgraph.storage.places import expanded
from compgraph.storage.reading import open_regular, read_regular
from compgraph.storage.sealed import seal, unseal
from compgraph.storage.strict_json import parse_json

__all__ = [
    "expanded",
    "open_regular",
    "parse_json",
    "read_regular",
    "replace_files",
    "require_archive",
    "require_array",
    "require_unpackable",
    "require_writable",
    "seal",
    "seems_to_be",
    "settle",
    "unseal",
    "write_atomically",
]
