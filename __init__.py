"""spikeloom: trained spiking neural networks to verified RTL, bitstreams and a host."""

__all__ = ["__version__"]

__version__ = "0.1.0"
