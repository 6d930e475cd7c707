"""The business capabilities composed by the kernel."""
