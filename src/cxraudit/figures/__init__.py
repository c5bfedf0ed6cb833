"""Results in, matplotlib figures out: no files, no statistics, no pyplot state."""
