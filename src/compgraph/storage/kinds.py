"""What a file seems to be, told by how it begins."""

_STARTS = {
    b"PK\x03\x04": "a zip archive, such as torch.save and np.savez write",
    b"PK\x05\x06": "an empty zip archive",
    b"\x93NUMPY": "a NumPy array, as np.save writes",
    b"\x89HDF\r\n": "an HDF5 file",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"\x7fELF": "a program",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x80": "a Python pickle, such as old versions of torch.save wrote",
}


def seems_to_be(head: bytes) -> str:
    """Say what a file seems to be.

    Parameters
    ----------
    head
        How it begins: some hundred bytes.

    Returns
    -------
    str
        To be put after "it seems to be".

    Examples
    --------
    >>> seems_to_be(b"epoch,loss"), seems_to_be(b"{"), seems_to_be(b"")
    ('text', 'JSON', 'empty')
    """
    if not head:
        return "empty"
    for start, words in _STARTS.items():
        if head.startswith(start):
            return words
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 40:
        return "a safetensors file"
    return _text(head) or "binary data of an unknown kind"


def _text(head: bytes) -> str:
    try:
        text = head.decode("utf-8-sig", errors="ignore" if len(head) > 100 else "strict").strip()
    except UnicodeDecodeError:
        return ""
    if not head.isascii() and len(text.encode()) < len(head.strip()) - 6:
        return ""
    if any(sign < " " and not sign.isspace() for sign in text):
        return ""
    if text.startswith("version ") and "git-lfs" in text:
        return "a pointer of Git LFS in place of the file itself; fetch it with git lfs pull"
    if text.startswith("<"):
        return "HTML, perhaps the page of a failed download" if "<html" in text.lower() else "XML or HTML"
    return "JSON" if text.startswith(("{", "[")) else "text"
