"""What a reader looks at: figures, tables and the report of a study."""
