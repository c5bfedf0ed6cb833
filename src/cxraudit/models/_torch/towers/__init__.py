"""Networks in plain torch, under the key names of the published checkpoints, so that loads are strict."""
