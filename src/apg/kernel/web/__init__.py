"""The edge of the kernel: HTTP in, HTTP out."""
