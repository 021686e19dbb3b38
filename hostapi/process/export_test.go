package process

// RemoveSockets is for tests of the external test package.
var RemoveSockets = removeSockets
