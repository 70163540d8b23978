import Glibc

/// What a user may do with a folder. For others than oneself only root can tell.
package struct UserAccess: Sendable {
    /// Whom the answers are about: the user asked for when we are root and there is such a user, else ourselves.
    package let user: String
    /// Whether that is the user asked for.
    package let isAboutAskedUser: Bool
    private let other: (name: String, uid: uid_t, gid: gid_t)?

    package init(user: String) {
        if geteuid() == 0, let entry = getpwnam(user) {
            self.user = user
            isAboutAskedUser = true
            other = (user, entry.pointee.pw_uid, entry.pointee.pw_gid)
        } else {
            let own = getpwuid(geteuid()).map { String(cString: $0.pointee.pw_name) } ?? "user \(geteuid())"
            self.user = own
            isAboutAskedUser = own == user
            other = nil
        }
    }

    /// Whether this machine knows a user.
    package static func exists(_ user: String) -> Bool { getpwnam(user) != nil }

    /// Whether the user may list, enter and write to a folder (faccessat(2) with its effective identity).
    /// Changes the identity of this process for the length of the call: for programs with one thread.
    package func mayReadAndWrite(_ folder: String) -> Bool {
        guard let other else { return isAccessible(folder) }
        let (uid, gid) = (geteuid(), getegid())
        guard initgroups(other.name, other.gid) == 0, setegid(other.gid) == 0, seteuid(other.uid) == 0 else {
            return false
        }
        defer {
            seteuid(uid)
            setegid(gid)
            initgroups("root", gid)
        }
        return isAccessible(folder)
    }

    private func isAccessible(_ folder: String) -> Bool {
        faccessat(AT_FDCWD, folder, R_OK | W_OK | X_OK, AT_EACCESS) == 0
    }
}
