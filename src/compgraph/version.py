"""The version of the package, which every record knows."""

VERSION = "0.2.0"
