"""When: four phenological dates a site, and the search intervals that a season rule makes of them."""
