"""The steps a recipe is made of, a file for each group; discovery finds what each calls STEPS."""
