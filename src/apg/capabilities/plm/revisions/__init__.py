"""The life of a revision: made from the one before, released, superseded, cancelled."""
