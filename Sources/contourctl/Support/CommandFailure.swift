import ArgumentParser
import Daemon
import Foundation
import Pipeline
import Platform
import Segmentation

/// Exit statuses, as sysexits.h names them.
enum ExitStatus: Int32 {
    case success = 0
    case usage = 64
    case dataError = 65
    case noInput = 66
    case unavailable = 69
    case internalError = 70
    case cannotCreate = 73
    case inputOutputError = 74
    case temporaryFailure = 75
    case noPermission = 77
    case configurationError = 78
    case hungUp = 129
    case interrupted = 130
    case terminated = 143

    /// What a shell tells of a program that such a signal ended.
    init(signal: Int32?) {
        self =
            switch signal {
            case SIGHUP: .hungUp
            case SIGTERM: .terminated
            default: .interrupted
            }
    }
}

/// Ends a command with a text for standard error and an exit status.
struct CommandFailure: Error, CustomStringConvertible {
    let status: ExitStatus
    let description: String

    init(_ status: ExitStatus, _ description: String) {
        self.status = status
        self.description = description
    }

    /// From a fault of the pipeline.
    init(_ fault: Fault) {
        let status: ExitStatus =
            switch fault.kind {
            case .permanent: .dataError
            case .transient: .temporaryFailure
            case .operator:
                switch fault.code {
                case "E_PERMISSION": .noPermission
                case "E_MEMORY_BUDGET": .configurationError
                default: .cannotCreate
                }
            case .interrupted: .interrupted
            case .bug: .internalError
            }
        // The hints are for the service and its queue; here a person works alone.
        let hint =
            switch fault.code {
            case "E_NO_SPACE": "Free space in the output folder."
            case "E_PERMISSION": "Check the permissions of the output folder."
            case "E_MEMORY_BUDGET": fault.hint.replacing(#/, then: .*/#, with: ", in the file that --config names.")
            default: fault.hint
            }
        let details = fault.details.map { "\n  \($0)" }.joined()
        self.init(status, "\(fault.code): \(fault.message) \(hint)\(details)")
    }

    /// What to do about it, where that is known.
    private static func advice(_ error: SystemError) -> String {
        // Arguments that are no UTF-8 reach us with this sign in place of what was there.
        let isUnnameable = error.code == ENOENT && error.path?.contains("\u{FFFD}") == true
        return switch error.code {
        case ENOSPC, EDQUOT: ". Free space there and give the command again."
        case _ where isUnnameable:
            ". The name is not UTF-8, and such a path cannot be given; give it another name (convmv does it for many)."
        default: ""
        }
    }

    /// From any error, with the path where one is known: this goes to the owner of the path, not to a log.
    init(_ error: any Error) {
        switch error {
        case let failure as CommandFailure: self = failure
        case let error as UnknownNames: self.init(.usage, error.text)
        case let error as ConfigurationError: self.init(.configurationError, error.description)
        case let error as ControlError:
            switch error {
            case .noService, .silent: self.init(.unavailable, error.description)
            case .notAllowed: self.init(.noPermission, error.description)
            case .failed: self.init(.dataError, error.description)
            }
        case SegmentationError.modelNotFound:
            self.init(.noInput, "\(error) contourctl models lists what is installed.")
        case SegmentationError.missingFile: self.init(.noInput, "\(error)")
        case let error as SystemError:
            let status: ExitStatus =
                switch error.code {
                case ENOENT, ENOTDIR: .noInput
                case EACCES, EPERM, EROFS: .noPermission
                case ENOSPC, EDQUOT: .cannotCreate
                default: .inputOutputError
                }
            self.init(status, error.description + Self.advice(error))
        default: self.init(classify(error))
        }
    }
}

extension UnknownNames {
    /// With the options that the names were given to.
    fileprivate var text: String {
        func told(_ option: String, _ what: String, _ names: [String]) -> [String] {
            names.isEmpty ? [] : ["\(option): \(what) \(names.joined(separator: ", "))"]
        }
        let wrong =
            told("--label", "no label map was read with", labels)
            + told("--per-organ-tolerance", "nothing is called", tolerances)
        let hint =
            labels.isEmpty ? "" : " A label is a value of a NIfTI label map; DICOM objects name their structures."
        return "\(wrong.joined(separator: "; ")). There is: \(known.joined(separator: ", ")).\(hint)"
    }
}

extension CommandFailure {
    /// Tells it on standard error and ends the program.
    func end(command: String) -> Never {
        tell(command: command)
        exit(status.rawValue)
    }

    fileprivate func tell(command: String) {
        // Lists have lines; what else a terminal would obey comes from names of files.
        let text = description.split(separator: "\n", omittingEmptySubsequences: false).map { String($0).printable }
        FileHandle.standardError.write(Data("\(command): \(text.joined(separator: "\n"))\n".utf8))
    }
}

/// Makes the folder of a command's results.
/// - Throws: `CommandFailure` with status 73, or 77 where it is a matter of permissions.
func createOutput(_ folder: String) throws(CommandFailure) {
    do { try Directory.create(folder) } catch {
        let mayNot = [EACCES, EPERM, EROFS].contains(error.code)
        throw CommandFailure(
            mayNot ? .noPermission : .cannotCreate,
            "\(folder): the output folder cannot be made (\(error.reason)). Give another --output."
        )
    }
}

extension ParsableCommand {
    /// Runs the body of a command; whatever it throws is told once on standard error, with its exit status.
    func exiting(_ body: () throws -> Void) throws {
        do { try body() } catch let status as ExitCode {
            throw status
        } catch {
            let failure = CommandFailure(error)
            failure.tell(command: "contourctl \(Self._commandName)")
            throw ExitCode(failure.status.rawValue)
        }
    }
}
