"""Golden model: NumPy integers that the RTL equals bit for bit, and its float reference."""
