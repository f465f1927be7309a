"""A replica: a model loaded once that answers many. `server` speaks frames, `batcher` decides what is computed together."""
