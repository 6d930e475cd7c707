"""Activity records: quantities with their evidence, the only input of emissions."""
