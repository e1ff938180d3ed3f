"""The cards of the report, one file each: frames in, card out."""
