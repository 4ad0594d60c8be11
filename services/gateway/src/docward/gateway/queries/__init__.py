"""What the API shows, read from the views of schema `read`: one file per resource, SQL beside the shape it fills."""
