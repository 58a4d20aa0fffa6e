"""The HTTP side, one module a resource; routers parse and phrase, they decide nothing."""
