"""What Relink is made of, apart from the remediators: vocabulary, planning, Azure, workflow."""
