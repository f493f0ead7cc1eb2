"""Notes: what people write beside passages, who may see it, and how it leaves and comes back."""
