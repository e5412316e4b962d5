"""Speed and memory, measured on the product as it ships: `make bench`."""
