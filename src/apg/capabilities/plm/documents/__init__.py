"""Documents of revisions: drawings, models, reports; kept with what they describe."""
