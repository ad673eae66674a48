"""Making data: templates filled with rows, pools that a model grows, and the choice of what is worth learning from."""
