"""What recipes share: knobs, the training loop, checkpoints, text and image input, metrics. `knobs` and `request` import no ML library."""
