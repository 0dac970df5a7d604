"""Enclave images: built, read, compared, signed; and the policies that pin them. No Docker.

`read_recipe` reads an `image.toml`, `build` makes an image of it, or of a container image.
"""
