"""The companies of an installation: who they are, and which capabilities each has switched on."""
