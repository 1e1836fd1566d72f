"""What the contract must leave alone: transforms, compilation, export, meta tensors, autocast."""
