"""The tools outside Python: synthesis, place and route, packing; each named, versioned and interruptible."""
