"""What of a study is done, missing, outdated and why, in words."""
