"""What a study will ask for before it asks: images, requests, bytes, hours, by a table of rates."""
