"""Restaurant OS: Toast sales and labor in a warehouse the group owns."""

__version__ = "0.1.0"
