"""A copy of the user's own environment lives through incidents before Relink may touch the real one.

The copy is made of the manifest, the incidents happen in a simulated Azure, and the real
``function_app.py`` answers them; what is reported comes from its records, what is judged from Azure.
"""
