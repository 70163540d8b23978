import Glibc
import Platform
import Store

/// What lies in the inbox and can be no received file: it is noted as files are, so that its owner is told.
extension FileReceiver {
    /// A folder that may not be listed is noted as a file is: its owner is told.
    func deny(folder: String, _ error: SystemError) throws -> Outcome {
        let instance = try context.store.beginParsing(inboxPath: folder, snapshot: Self.folderSnapshot)
        return .denied(
            try leave(
                instance,
                code: error.code == ENAMETOOLONG ? "E_NAME" : "E_PERMISSION",
                reason: error.code == ENAMETOOLONG
                    ? """
                    A folder holds files whose paths are longer than the \(PATH_MAX - 1) bytes that Linux takes. Move it \
                    up, or shorten the names of the folders above it.
                    """
                    : """
                    A folder may not be listed (\(error.reason)). Folders that are made or copied in the inbox inherit \
                    contourd's access; folders that are moved there do not. Hand their files over with contourctl submit, \
                    or grant it: setfacl -R -m u:contourd:rwX FOLDER
                    """
            )
        )
    }

    /// A file or folder with a name that no `String` holds: its owner is told, too.
    func deny(nameless path: String) throws {
        let instance = try context.store.beginParsing(inboxPath: path, snapshot: Self.namelessSnapshot)
        _ = try leave(
            instance,
            code: "E_NAME",
            reason: "Its name is not UTF-8, so contourd does not look at it. Rename it (convmv does it for many)."
        )
    }

    /// A link, a pipe or a device: whoever put it there waits for what it stands for.
    func deny(link path: String) throws -> Outcome {
        let instance = try context.store.beginParsing(inboxPath: path, snapshot: Self.linkSnapshot)
        return .denied(
            try leave(
                instance,
                code: "W_NOT_A_FILE",
                reason: """
                    It is a link, a pipe or a device, and is not followed. Copy the files themselves into the inbox: cp -rL \
                    copies what links stand for.
                    """
            )
        )
    }

    /// What stands for a folder where a file has its size and times, for something without a usable name, and for what is no
    /// file.
    static let folderSnapshot = "folder"
    static let namelessSnapshot = "nameless"
    static let linkSnapshot = "link"
}
