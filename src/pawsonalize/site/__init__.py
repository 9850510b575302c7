"""The pages people look at: the demo adoption site."""
