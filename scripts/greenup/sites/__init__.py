"""Where: sampling of sites on land, and what is known of the land from data that come with Python packages."""
