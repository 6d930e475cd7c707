"""Who makes and who sells parts: manufacturers, approved manufacturer parts, suppliers, offers."""
