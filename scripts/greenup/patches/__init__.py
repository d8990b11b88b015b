"""What: pixels of every site and season, kept at native resolution in one file a shard, with a ledger and checksums."""
