"""What runs beside the fabric: link protocol, host, C driver."""
