"""Cross-compile programs that embed a virtual machine, and get their start-up snapshot right."""

__version__ = "0.1.0"
