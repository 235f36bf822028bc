//! Who may ask, review and break the glass: Cedar rules over the lists of the configuration.
