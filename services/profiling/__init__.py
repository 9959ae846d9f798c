"""What `services.profile` is made of: a column's scale, its figures, and how rows and columns relate."""
