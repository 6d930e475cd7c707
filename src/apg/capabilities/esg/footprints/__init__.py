"""Carbon of products: materials, figures of suppliers, footprints that are computed and sealed."""
