"""The vocabulary: values that every other room speaks in. It reaches for nothing and knows no clock."""
