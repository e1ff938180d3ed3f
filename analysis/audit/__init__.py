"""What the runs of an audit say about each claim."""
